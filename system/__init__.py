"""What every room takes from the operating system: processes of our own, and files that somebody else wrote.

This room imports no other, and every other may import it. The system's ways of starting a process are used here
alone; a test reads all rooms for others.
"""
