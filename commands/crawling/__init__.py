"""What the main job is put together from, besides the pipeline itself."""
