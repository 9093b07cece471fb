"""Rows in, answers out: the contract, the artifact and the engines. No Flask, no environment, no clock."""
