"""What all status pages have in common, whatever software makes them.

::

    a platform's file ──► page     rows and incidents in our words (values)
      (bytes)              │
                           ├─► board     which rows are the service's components, and how they are
                           ├─► incident  what the incidents say of them, now and at their time
                           └─► reading   signals, a sentence, links
    source  what a platform's file implements · feed: pages that are read from an Atom or RSS feed · words: names
"""
