/* Google Calendar and Google's OAuth as a provider. */
#ifndef GOOGLE_GOOGLE_H
#define GOOGLE_GOOGLE_H

#include "providers/provider.h"

extern const struct provider provider_google;

#endif
