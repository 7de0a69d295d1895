#!/usr/bin/env node
// Prisma sets this for the generators that it starts, and for nothing else.
await import(process.env['PRISMA_GENERATOR_INVOCATION'] === undefined ? '#cli' : '#generator')
