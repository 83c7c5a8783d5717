"""Every operator's meaning, one family to a file. `registry` is the only module that the other rooms import."""
