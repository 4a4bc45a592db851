"""A model beside what was made of it by compressing."""
