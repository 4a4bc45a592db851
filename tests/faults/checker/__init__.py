"""Whether a gallery is whole: claims about files, rows and models, without the program's code."""
