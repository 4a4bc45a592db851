"""A Danbooru-compatible gallery on loopback with pictures that it paints itself; also the tests' server."""
