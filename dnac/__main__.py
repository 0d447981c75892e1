"""`python -m dnac`"""

from dnac.cli.main import entry

if __name__ == "__main__":
    entry()
