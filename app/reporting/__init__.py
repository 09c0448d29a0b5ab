"""From run folders to one page that shows what ran, how it went and where it is wrong."""
