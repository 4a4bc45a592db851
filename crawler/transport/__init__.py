"""HTTP, politely: permits, retries, credentials, downloads that are verified."""
