import type { ListTagsForResourceMessage, TagListMessage } from '@aws-sdk/client-elasticache'
import type { Action } from '../../../action.ts'
import { requiredText } from '../../../required.ts'
import { tagList } from './change.ts'
import { findResource } from './resource.ts'

export const listTagsForResource: Action<ListTagsForResourceMessage, TagListMessage> = async (input, context) => {
  const resource = await findResource(context, requiredText('ResourceName', input.ResourceName))
  return tagList(resource.kind === 'default' ? [] : resource.main.tags)
}
