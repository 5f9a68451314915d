import assert from 'node:assert/strict'
import { test } from 'node:test'
import { bootId, containsTag, identify, parseStat, sampleOf, statOf } from './proc.ts'

test('the name of a process may hold spaces and parentheses', () => {
  const rest = Array.from({ length: 40 }, (_, index) => String(index + 100))
  // pid (comm) state ppid pgrp session tty_nr ... : the numbers from field 4 on are 100, 101, ...
  const stat = parseStat(`42 (a ) R (b c) S ${rest.join(' ')}`)
  assert.deepEqual(stat, { state: 'S', session: 102, terminal: 103, cpuTicks: 110 + 111, startTime: '118', residentPages: 120 })
})

test('a tag is found as a whole path only', () => {
  assert.equal(containsTag('valkey-server /home/nodes/a/node.conf', '/home/nodes/a/'), true)
  assert.equal(containsTag('valkey-server /home/nodes/a/node.conf', '/home/nodes/a/node.conf'), true)
  assert.equal(containsTag('valkey-server /home/nodes/a/node.conf:6379', '/home/nodes/a/node.conf'), true)
  assert.equal(containsTag('memcached -s /home/nodes/ab', '/home/nodes/a'), false)
  assert.equal(containsTag('memcached -s /home/nodes/ab -o /home/nodes/a', '/home/nodes/a'), true)
  assert.equal(containsTag('memcached', ''), false)
})

test('this process is found and sampled by its identity, and not by another start time or boot', () => {
  const identity = identify(process.pid)
  assert.ok(identity)
  assert.match(identity.startTime, /^\d+$/)
  assert.equal(identity.bootId, bootId())
  assert.ok(statOf(identity))
  const sample = sampleOf(identity)
  assert.ok(sample)
  assert.ok(sample.residentBytes > 10_000_000, `resident ${sample.residentBytes}`)
  assert.ok(sample.runtimeNs >= 0)
  assert.equal(sampleOf({ ...identity, startTime: '1' }), null)
  assert.equal(sampleOf({ ...identity, bootId: 'of-yesterday' }), null)
})
