"""What people have, pictures, sounds, arrays, folders of them, as the arrays that models take; and what models answer, for people."""
