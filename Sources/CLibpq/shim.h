// libpq's public interface, as one module. Everything in it can be called from Swift as it is.
// Beside it, eventfd, which Swift's Glibc module leaves out: cancellation wakes a thread that polls libpq's socket.
#ifndef CLIBPQ_SHIM_H
#define CLIBPQ_SHIM_H

#include <libpq-fe.h>
#include <sys/eventfd.h>

#endif
