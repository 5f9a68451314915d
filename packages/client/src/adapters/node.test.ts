/** What is known of a node whose connection stands, and that does not answer at first. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isCacheError } from '../errors.ts'
import { watchNode } from './node.ts'
import type { Wire } from './wire.ts'

test('a node that did not answer in time when it was connected is asked again at the next check, and once at a time', async () => {
  let asked = 0
  let answers = false
  const wire: Wire = {
    isReady: () => true,
    send: () => {
      asked += 1
      return answers ? Promise.resolve('role:master\r\nmaster_replid:abc\r\n') : new Promise(() => undefined)
    },
    onReady: () => undefined,
    onLost: () => undefined,
    onInvalidated: () => undefined,
    isReply: (_error): _error is Error => false,
    close: () => undefined,
  }
  const nothing = (): void => undefined
  const node = watchNode(wire, {
    commandTimeout: 30,
    credentials: undefined,
    renew: nothing,
    onLost: nothing,
    onInvalidated: nothing,
  })
  await node.check()
  assert.equal(asked, 1, 'it is asked already')
  await assert.rejects(node.ready(), (error: unknown) => isCacheError(error, 'unavailable'))
  assert.equal(node.epoch(), null)
  answers = true
  await node.check()
  await node.ready()
  assert.notEqual(node.epoch(), null)
  node.dispose()
})
