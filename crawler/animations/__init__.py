"""Videos, ugoira and animated pictures of a site, whose previews show one moment of them."""
