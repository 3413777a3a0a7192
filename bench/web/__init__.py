"""What the page bears: a crowd, many who listen, a monitor that must keep its beat meanwhile.

::

    __main__      the command line: one part, one table
    ├── stampede  pages a second: answers that lie ready beside the plain rendering path (wrk)
    ├── steady    a fixed rate over many connections, with listeners and a monitor that judges
    ├── live      the same listeners while as many requests come as the page can answer (wrk)
    ├── fronted   behind nginx, that keeps public pages for a second: how much of a crowd reaches the page
    └── memory    of the page alone, idle and full of connections
    page          the page under test, on a core of its own, as a program
    ├── serve     that program: real judgement and boards, one simulated minute a second
    ├── paced     a client that sends at a fixed rate, whatever comes back
    └── listen    a client that listens, and takes the page anew when something changes, as a browser does
"""
