"""From encoded bytes to the network's input: decoding in processes of its own, preprocessing, hashes."""
