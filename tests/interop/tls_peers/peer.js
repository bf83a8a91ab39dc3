// peer: node's https as a foreign server or client of mutual TLS: see peer.py.
const fs = require('fs');
const https = require('https');
// What is too weak for OpenSSL's usual level must come through: it is the other side that is to refuse it.
const weak = 'DEFAULT@SECLEVEL=0';

function serve(file) {
    const lines = fs.readFileSync(file, 'utf8').trim().split('\n');
    let waiting = lines.length;
    for (const line of lines) {
        const [address, port, cert, key, ca] = line.split(' ');
        const options = {
            cert: fs.readFileSync(cert), key: fs.readFileSync(key), ca: fs.readFileSync(ca),
            ciphers: weak, requestCert: true, rejectUnauthorized: true,
        };
        const server = https.createServer(options, (request, response) => {
            response.end(`node ${request.socket.getPeerCertificate().subject.CN}\n`);
        });
        server.on('tlsClientError', (error) => console.error(error.message));
        server.listen(Number(port), address, () => --waiting === 0 && console.log('ready'));
    }
}

function post(address, port, name, ca, body, cert, key) {
    const options = {
        host: address, port, servername: name, path: '/matrix', method: 'POST', headers: { Host: name },
        ca: fs.readFileSync(ca), ciphers: weak,
        ...(cert ? { cert: fs.readFileSync(cert), key: fs.readFileSync(key) } : {}),
    };
    const request = https.request(options, (response) => response.pipe(process.stdout));
    request.on('error', (error) => {
        console.error(error.message);
        process.exit(1);
    });
    request.end(fs.readFileSync(body));
}

({ serve, post })[process.argv[2]](...process.argv.slice(3));
