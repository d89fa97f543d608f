"""A certificate authority of the run's own, and the origin's certificate from it."""

import os
import ssl
import subprocess


def _openssl(directory, *argv):
    subprocess.run(["openssl", *argv], cwd=directory, check=True, capture_output=True)


def make(directory, domain, address):
    """Writes ca.pem, origin.pem and origin.key to `directory`; returns the origin's TLS context."""
    curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
    _openssl(directory, "req", "-x509", *curve, "-keyout", "ca.key", "-out", "ca.pem", "-days", "2",
             "-subj", "/CN=tests of weir", "-addext", "basicConstraints=critical,CA:TRUE",
             "-addext", "keyUsage=critical,keyCertSign,cRLSign")
    _openssl(directory, "req", "-new", *curve, "-keyout", "origin.key", "-out", "origin.csr",
             "-subj", f"/CN=origin.{domain}")
    with open(os.path.join(directory, "extensions"), "w", encoding="ascii") as file:
        file.write(f"subjectAltName=DNS:*.{domain},IP:{address}\nextendedKeyUsage=serverAuth\n")
    _openssl(directory, "x509", "-req", "-in", "origin.csr", "-CA", "ca.pem", "-CAkey", "ca.key",
             "-CAcreateserial", "-out", "origin.pem", "-days", "2", "-extfile", "extensions")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(os.path.join(directory, "origin.pem"), os.path.join(directory, "origin.key"))
    context.set_alpn_protocols(["http/1.1"])
    return context
