"""Taggers that somebody else trained: networks that give every tag of their list a probability, from the user's folder.

forms (what a folder holds) -> onnx_tagger (the network) -> colour_check (is its input right?) -> worker (a process of
its own) -> client (what the judge asks). Nothing is ever downloaded.
"""
