"""The same gallery behind other sites' APIs, so that clients of those can be tested."""
