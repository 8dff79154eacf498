"""HTTP/2 by the letter: what RFC 9113 and RFC 7541 ask of a server, and what the worst peers do to one."""
