"""The database and the files on disk; knows no network and no Keras."""
