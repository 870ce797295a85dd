"""Tests of what facts say beyond their fields."""
