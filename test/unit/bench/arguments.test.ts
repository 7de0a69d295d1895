import { describe, expect, test } from 'vitest'
import { readArguments } from '../../../bench/arguments.ts'

const NAMES = ['drain', 'cpu']

describe('the command line of the benches', () => {
  test('takes a name and its options in any order', () => {
    expect(readArguments(['drain'], NAMES)).toEqual({ kind: 'run', name: 'drain', quick: false, json: false })
    const both = { kind: 'run', name: 'cpu', quick: true, json: true }
    expect(readArguments(['--json', 'cpu', '--quick'], NAMES)).toEqual(both)
  })

  test('asks for help before anything else', () => {
    expect(readArguments(['nonsense', '--help'], NAMES)).toEqual({ kind: 'help' })
  })

  test.each([
    [[], 'Name a bench.'],
    [['latency'], 'There is no bench "latency".'],
    [['drain', 'cpu'], 'Name one bench at a time.'],
    [['drain', '--fast'], 'There is no option --fast.'],
  ])('refuses %j', (args, problem) => {
    expect(readArguments(args, NAMES)).toEqual({ kind: 'refuse', problem })
  })
})
