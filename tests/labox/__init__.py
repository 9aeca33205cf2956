"""The drop-ins for Labox: storages, records, acceleration and adoption."""
