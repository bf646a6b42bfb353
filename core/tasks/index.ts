import type { AnyTask } from '../task.ts';
import sendEmail from './sendEmail.ts';
import sleep from './sleep.ts';
import transform from './transform.ts';
import webhook from './webhook.ts';

/** Every task type there is. To add one, write its file beside this one and name it here. */
export const tasks: readonly AnyTask[] = [sleep, sendEmail, webhook, transform];
