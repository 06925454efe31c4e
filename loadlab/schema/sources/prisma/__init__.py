"""Prisma's schema language: `grammar` reads it, `resolve` makes tables of it, and an engine writes them as its DDL."""
