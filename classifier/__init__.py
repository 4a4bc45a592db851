"""Pictures in, probabilities out: networks, training, calibration, scoring; knows no site and no database."""
