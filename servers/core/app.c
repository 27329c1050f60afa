/* SPDX-License-Identifier: MIT */
#include "servers/core/app.h"

enum err app_admit(struct hub *hub, const struct connect_info *info,
		   struct refusal *why)
{
	(void)hub;
	(void)info;
	(void)why;
	return ERR_OK;
}

void app_ignore_connect(struct hub *hub, struct session *s,
			const struct connect_info *info)
{
	(void)hub;
	(void)s;
	(void)info;
}

void app_ignore_message(struct hub *hub, struct session *s, struct slice bytes,
			bool binary)
{
	(void)hub;
	(void)s;
	(void)bytes;
	(void)binary;
}

void app_ignore_disconnect(struct hub *hub, struct session *s,
			   const char *reason)
{
	(void)hub;
	(void)s;
	(void)reason;
}
