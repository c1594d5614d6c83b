"""See it: what a gateway has recorded and is at, as pages in a browser.

`app` puts it together: `guard` lets in who may look, `pages` gives out the files under `static/`,
`api` answers their questions, and `live` tells them what is new. What a page shows of a turn is
worked out here (`turn_page` and what it is made of), and only drawn there.
"""
