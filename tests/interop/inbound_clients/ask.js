// ask: two requests with node's https, one after the other: URL CA CERT KEY; prints each answer.
const fs = require('fs');
const https = require('https');

const [url, ca, cert, key] = process.argv.slice(2);
const agent = new https.Agent({keepAlive: true, ca: fs.readFileSync(ca), cert: fs.readFileSync(cert), key: fs.readFileSync(key)});

function ask(left) {
  https.get(url, {agent, timeout: 60000}, (answer) => {
    let text = '';
    answer.on('data', (part) => { text += part; });
    answer.on('end', () => {
      if (answer.statusCode !== 200) throw new Error(`status ${answer.statusCode}`);
      console.log(text);
      if (left > 1) setImmediate(ask, left - 1); // by then the connection is free again
      else agent.destroy();
    });
  });
}

ask(2);
