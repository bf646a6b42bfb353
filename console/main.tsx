import { render } from 'preact';
import { App } from './app.tsx';

const place = document.getElementById('app');
if (place) {
  // What stands there for those without JavaScript.
  place.replaceChildren();
  render(<App />, place);
}
