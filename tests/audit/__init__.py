"""Audits of whole stores.

`test_findings` covers the problems that an audit reports, `test_repair` their quarantine, and
`test_device` reads from the device instead of the page cache. `test_cursor` covers order,
resumption and cancellation. `test_audit` covers sampling, rate limits and arguments, and
`test_closing_walks` the closing of audits and listings.
"""
