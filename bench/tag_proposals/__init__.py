"""Are proposals about tags as right as they say?"""
