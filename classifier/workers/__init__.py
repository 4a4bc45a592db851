"""Processes of our own that hold a network or a decoder, and the frames that they exchange."""
