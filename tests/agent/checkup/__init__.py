"""Tests of agent.checkup."""
