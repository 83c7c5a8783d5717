"""The `.tflite` file as an editable, verified graph. Imports nothing else of Tachylite."""
