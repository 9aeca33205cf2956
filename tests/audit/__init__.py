"""Audits of whole stores: findings, repair, cursors and pace."""
