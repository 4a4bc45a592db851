"""The fault suite: a misbehaving site, ways to kill the program, and a checker that shares no code with it."""
