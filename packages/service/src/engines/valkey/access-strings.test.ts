/** An engine that refuses a user does not start: whatever access string is taken, every engine has to take what is made of it. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { Fault } from '../../errors.ts'
import { parseAccessString } from '../../model/access-string.ts'
import { installed, openYard } from '../testing.ts'
import { userWords } from './acl.ts'

const words = [
  ...['on', 'off', 'ON', 'clearselectors', 'allkeys', 'resetkeys', 'allchannels', 'resetchannels', 'allcommands', 'nocommands'],
  ...['~*', '~app:*', '~{a}[b]', '%R~x', '%W~y', '%RW~z', '%rw~*', '%R~*', '~a)b', '&*', '&news', '&a?c', '&x)y'],
  ...[
    '+@all',
    '-@all',
    '+@read',
    '-@dangerous',
    '+@ADMIN',
    '-@scripting',
    '+get',
    '-GET',
    '+config',
    '+config|get',
    '-config|set',
  ],
  ...['+select|0', '+select|1', '-select', '+acl', '+acl|setuser', '+cluster', '+cluster|meet', '-cluster|nodes', '+client|kill'],
  ...['+commandlog|get', '+script|debug', '+debug|sleep', '+sync|x', '+msetex', '-waitaof', '+psync', '+shutdown|nosave'],
]
const some = fc.array(fc.constantFrom(...words), { minLength: 1, maxLength: 8 })
const accessStrings = fc
  .tuple(some, fc.array(some, { maxLength: 2 }))
  .map(([root, selectors]) => [...root, ...selectors.map((each) => `(${each.join(' ')})`)].join(' '))

/** One of each that is closed; which those are is in acl.test.ts. */
const closed = [
  ...[
    'BGREWRITEAOF',
    'BGSAVE',
    'CONFIG GET x',
    'CONFIG SET x y',
    'DEBUG SLEEP 1',
    'FAILOVER',
    'MIGRATE h 1 k 0 1',
    'MODULE LIST',
  ],
  ...[
    'MODULE LOAD x',
    'PFSELFTEST',
    'PSYNC x 1',
    'REPLCONF x y',
    'REPLICAOF h 1',
    'RESTORE-ASKING k 0 x',
    'SAVE',
    'SCRIPT DEBUG YES',
  ],
  ...[
    'SHUTDOWN NOSAVE',
    'SLAVEOF h 1',
    'SYNC',
    'ACL SETUSER x',
    'ACL LIST',
    'ACL GETUSER x',
    'CLUSTER MEET h 1',
    'CLUSTER RESET',
  ],
]

const isTaken = (text: string): boolean => {
  try {
    parseAccessString(text)
    return true
  } catch (error) {
    assert.ok(error instanceof Fault && error.shape === 'InvalidParameterValueException', String(error))
    return false
  }
}

for (const engine of installed('valkey', 'redis'))
  test(`what the API takes, ${engine.engine} ${engine.version} takes, and nothing of what is closed is open by it`, async () => {
    await using yard = await openYard()
    const { control } = await yard.start(await yard.plan(engine, { kind: 'cme' }))
    let taken = 0
    await fc.assert(
      fc.asyncProperty(accessStrings.filter(isTaken), async (accessString) => {
        taken += 1
        const user = { name: 'somebody', authentication: 'no-password-required', passwords: [], accessString } as const
        assert.equal(await control.command(['ACL', 'SETUSER', user.name, 'reset', ...userWords(user, engine, true)]), 'OK')
        for (const each of closed) {
          const answer = await control.command(['ACL', 'DRYRUN', user.name, ...each.split(' ')])
          assert.match(String(answer), /no permissions/, `${accessString}: ${each}`)
        }
      }),
      { numRuns: 150 },
    )
    assert.ok(taken >= 150)
  })
