"""What commands print: tables for people, JSON and other formats for programs."""
