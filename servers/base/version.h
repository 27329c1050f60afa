/* SPDX-License-Identifier: MIT */
/* What --version prints and results record. */
#ifndef SERVERS_BASE_VERSION_H
#define SERVERS_BASE_VERSION_H

#define PUSHMARK_VERSION "0.1.0"

#endif
