"""Damaged objects and failing disks: detection, healing and durability."""
