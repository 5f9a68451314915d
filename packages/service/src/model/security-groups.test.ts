import assert from 'node:assert/strict'
import { test } from 'node:test'
import { defaultSecurityGroup, isWithin, networkOf, parsePorts, serviceNames } from './security-groups.ts'

test('a network is kept without the bits that its length leaves out; everything else is none', () => {
  assert.equal(networkOf('10.1.2.3/8'), '10.0.0.0/8')
  assert.equal(networkOf('255.255.255.255/0'), '0.0.0.0/0')
  assert.equal(networkOf('127.65.0.1/32'), '127.65.0.1/32')
  assert.equal(networkOf('192.168.255.255/17'), '192.168.128.0/17')
  for (const text of [
    '',
    '10.0.0.0',
    '10.0.0.0/',
    '10.0.0.0/33',
    '10.0.0/8',
    '10.0.0.0.0/8',
    '10.0.0.0./8',
    '010.0.0.0/8',
    '256.0.0.0/8',
  ])
    assert.equal(networkOf(text), null, text)
  for (const text of ['::/0', '10.0.0.0/8/8', '10.0.0.0/08', ' 10.0.0.0/8', '10.0.0.0/8\n', '1e1.0.0.0/8'])
    assert.equal(networkOf(text), null, text)
})

test('a network is within itself and within every wider one around it', () => {
  assert.equal(isWithin('10.1.0.0/16', '10.0.0.0/8'), true)
  assert.equal(isWithin('10.0.0.0/8', '10.0.0.0/8'), true)
  assert.equal(isWithin('10.0.0.0/8', '0.0.0.0/0'), true)
  assert.equal(isWithin('10.0.0.0/8', '10.0.0.0/16'), false)
  assert.equal(isWithin('11.0.0.0/16', '10.0.0.0/8'), false)
})

test('ports have numbers, ranges, and the names of services', () => {
  const ports = Object.fromEntries(serviceNames.map((name) => [name, parsePorts(name)?.from]))
  assert.deepEqual(ports, {
    ...{ ftp: 21, ssh: 22, sftp: 22, http: 80, https: 443, mssql: 1433, oracle: 1521, mysql: 3306, mariadb: 3306 },
    ...{ postgresql: 5432, redis: 6379, valkey: 6379, memcached: 11_211 },
  })
  assert.deepEqual(parsePorts('Redis'), { from: 6379, to: 6379 })
  assert.deepEqual(parsePorts('6379-6400'), { from: 6379, to: 6400 })
  for (const text of ['', '-', '65536', '-1', '2-1', '1-2-3', 'constructor', 'gopher', '6379 '])
    assert.equal(parsePorts(text), null, text)
})

test('the default group of a region has the same id each time, and another one in each region', () => {
  assert.deepEqual(defaultSecurityGroup('us-east-1'), defaultSecurityGroup('us-east-1'))
  assert.notEqual(defaultSecurityGroup('us-east-1').id, defaultSecurityGroup('us-east-2').id)
  assert.match(defaultSecurityGroup('us-east-1').id, /^sg-[0-9a-f]{17}$/)
})
