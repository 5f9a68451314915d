import assert from 'node:assert/strict'
import { test } from 'node:test'
import { answerSts } from './answer.ts'

const caller = {
  accessKeyId: 'AKIA',
  account: '000000000000',
  arn: 'arn:aws:iam::000000000000:user/<a&b>',
  userId: 'AIDA',
  region: 'us-east-1',
  service: 'sts',
}

test('the caller is told who it is, in the form of STS', () => {
  assert.equal(
    answerSts('GetCallerIdentity', caller, 'id'),
    '<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><GetCallerIdentityResult>' +
      '<Arn>arn:aws:iam::000000000000:user/&lt;a&amp;b&gt;</Arn><UserId>AIDA</UserId><Account>000000000000</Account>' +
      '</GetCallerIdentityResult><ResponseMetadata><RequestId>id</RequestId></ResponseMetadata></GetCallerIdentityResponse>',
  )
})

test('STS has nothing else', () => {
  for (const action of ['AssumeRole', 'GetSessionToken', 'getcalleridentity', '__proto__'])
    assert.throws(() => answerSts(action, caller, 'id'), {
      shape: 'InvalidAction',
      message: /^Could not find operation .* for version 2011-06-15/,
    })
})
