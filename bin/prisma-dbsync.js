#!/usr/bin/env node
import '../dist/generators/bin.js'
