"""How long questions take in a large gallery: today's program beside an older one."""
